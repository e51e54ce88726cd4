/** What a metric is, and the labels it may carry; every label has few values. */
export interface MetricDeclaration {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
}

const latencySeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const counter = (help: string, ...labels: string[]): MetricDeclaration => ({ kind: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): MetricDeclaration => ({ kind: 'gauge', help, labels });

/** Every metric of Skein: the one place where a name, its meaning and its labels are set. */
export const metricDeclarations: { readonly [name: string]: MetricDeclaration } = {
  skein_http_requests_total: {
    kind: 'counter',
    help: 'HTTP requests answered, by route and status.',
    labels: ['method', 'route', 'status'],
  },
  skein_http_request_seconds: {
    kind: 'histogram',
    help: 'Time to the answer of an HTTP request; for streams, to its first byte.',
    labels: ['method', 'route'],
    buckets: latencySeconds,
  },
  skein_http_waits: {
    kind: 'gauge',
    help: 'Calls that wait for the end of a run, or for what becomes of a message.',
    labels: [],
  },
  skein_http_event_streams: { kind: 'gauge', help: 'Open event and log streams over HTTP.', labels: [] },
  skein_runs_submitted_total: counter('Runs accepted.'),
  skein_runs_finished_total: counter('Runs that ended, by status.', 'status'),
  skein_runs_undrivable_total: counter('Runs that this version cannot drive: their log holds an unknown fact.'),
  skein_runs_reloaded_total: counter('Runs read again after an append whose outcome was in doubt.'),
  skein_open_runs: gauge('Admitted runs that are not finished.'),
  skein_tasks_offered_total: counter('Tasks offered to workers.'),
  skein_tasks_lost_total: counter('Leases that ended without a result, by reason.', 'reason'),
  skein_results_total: counter('Results of workers, by what became of them.', 'outcome'),
  skein_logs_refused_total: counter('Log pieces of tasks that the sender no longer held.'),
  skein_bad_messages_total: counter('Messages of workers that could not be handled.'),
  skein_workers: gauge('Connected workers.'),
  skein_loop_lag_seconds: gauge('Lag of the event loop at the last look.'),
  skein_append_seconds: {
    kind: 'histogram',
    help: 'Time of one durable append to the run log.',
    labels: [],
    buckets: latencySeconds,
  },
  skein_snapshot_bytes_sent_total: counter('Bytes of snapshots sent to workers.'),
  skein_snapshots_collected_total: counter('Snapshots that were removed after their retention time.'),
  skein_snapshot_parts_collected_total: counter('Parts of snapshots that were removed, since no snapshot lists them.'),
  skein_snapshot_bytes_collected_total: counter('Bytes of removed parts of snapshots.'),
  skein_memory_proposals_total: counter(
    'Memory proposals, by what became of them and kind of scope.',
    'outcome',
    'kind',
  ),
  skein_memory_proposals_pending: gauge('Memory proposals that wait to be folded, at the last look.'),
  skein_secrets_released_total: counter('Secrets given to tasks under their lease.'),
  skein_secrets_refused_total: counter('Secrets refused to tasks, by code.', 'code'),
  skein_checkpoints_total: counter('Messages with durable points of agents, by what became of them.', 'outcome'),
  skein_messages_sent_total: counter('Messages for steps, by what became of the call.', 'outcome'),
  skein_messages_refused_total: counter('Messages for steps that were refused, by reason.', 'reason'),
  skein_dead_letters_total: counter('Dead letters, by what became of them.', 'outcome', 'kind', 'reason'),
  skein_rollout_active: gauge('Rollouts that are active or paused.', 'status'),
  skein_rollout_transitions_total: counter(
    'Writes of rollouts, by event and by whether the evaluator did it.',
    'type',
    'by',
  ),
  skein_rollout_decisions_total: counter(
    'Admissions of runs under a live rollout, by how the version was chosen.',
    'kind',
  ),
  skein_rollout_eligibility_errors_total: counter(
    'Eligibility conditions that could not be evaluated over the context of a run, which then counts as not eligible.',
    'agent',
  ),
  skein_rollout_e_value: gauge(
    'Largest running E-value of the regression tests of a live rollout, over its threshold.',
    'agent',
  ),
  skein_rollout_actions_total: counter('What evaluators decided, by what became of it.', 'action', 'outcome'),
  skein_rollout_action_failures_total: counter(
    'Decisions of evaluators that could not be written; they are tried again.',
    'action',
  ),
  skein_rollout_evaluations_total: counter('Looks of evaluators at a rollout, by outcome.', 'outcome'),
  skein_rollout_evaluation_seconds: {
    kind: 'histogram',
    help: 'Time of one look of an evaluator.',
    labels: [],
    buckets: latencySeconds,
  },
  skein_rollout_evaluator_lag_seconds: gauge('Age of the oldest last look at a live rollout.'),
  skein_rollout_shadows_total: counter('Live steps that were to be run on a candidate too, by outcome.', 'outcome'),
  skein_rollout_webhooks_total: counter('Tries to send a webhook, by outcome.', 'outcome'),
  skein_scores_recorded_total: counter('Scores that were stored, by kind of scorer.', 'scorer'),
  skein_scores_missing_total: counter('Scores that could not be had, by kind of scorer.', 'scorer'),
  skein_scoring_queued_runs: gauge('Finished runs that wait to be measured.'),
  skein_scoring_dropped_runs_total: counter(
    'Finished runs outside rollouts that were not measured, as too many waited.',
  ),
  skein_delivery_events_lost_total: counter('Delivery events that could not be stored.'),
  skein_delivery_events_pruned_total: counter('Delivery events removed by retention.'),
  skein_fenced_writes_total: counter('Writes of workers whose lease was over, by kind.', 'kind'),
  skein_illegal_transitions_total: counter('Acknowledgements that do not fit the state of their task.', 'kind'),
  skein_redeliveries_delayed_total: counter('Leases after losses that the budget for them held back.'),
  skein_runs_pruned_total: counter('Finished runs whose facts were removed by retention.'),
  skein_runs_quarantined: gauge('Runs that are left alone because what is stored of them cannot be used.'),
  skein_last_commit_age_seconds: gauge('Time since the last durable commit.'),
  skein_oldest_unacknowledged_seconds: gauge('Age of the oldest write that is not acknowledged; 0 when none waits.'),
  skein_store_refusing: gauge('1 while the store says that it cannot write.'),
  skein_store_refusals_total: counter('Times that the store said that it cannot write, by reason.', 'reason'),
  skein_store_state_checkpoints_ignored_total: counter('Damaged states of runs that were not used.'),
  skein_store_run_heads_ignored_total: counter('Damaged heads of runs that lists left out.'),
  skein_store_torn_logs_total: counter('Write-ahead logs found with a torn end.'),
  skein_store_wal_checkpoint_failures_total: counter('Copies of the write-ahead log into the database that failed.'),
  skein_worker_messages_refused_total: counter('Messages of a coordinator that this worker could not use.'),
  skein_grpc_streams_opened_total: counter('Worker streams that were opened.'),
  skein_grpc_streams_refused_total: counter('Worker streams that were refused, by code.', 'code'),
  skein_grpc_streams_cut_total: counter('Worker streams that were cut, by code.', 'code'),
  skein_worker_running_tasks: gauge('Tasks that this worker runs.'),
  skein_worker_results_total: counter('Results that this worker reported, by outcome.', 'outcome'),
  skein_worker_stale_results_total: counter('Results of this worker that came too late.'),
  skein_worker_forgotten_results_total: counter('Results that this worker no longer had to report.'),
  skein_worker_repeated_offers_total: counter('Offers that this worker had already.'),
  skein_worker_streams_lost_total: counter('Times that this worker lost its coordinator.'),
  skein_worker_self_fenced_total: counter('Tasks that this worker stopped because its lease may have lapsed.'),
  skein_agent_turns_total: counter('Turns of agents, by model.', 'model'),
  skein_agent_tokens_total: counter('Tokens that agents used, by model and direction.', 'model', 'direction'),
  skein_agent_tool_calls_total: counter('Tool calls of agents.', 'tool', 'outcome'),
};
