/** What a metric is, and the labels it may carry; every label has few values. */
export interface MetricDeclaration {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Counted in worker processes; no coordinator has a value of it. */
  readonly of?: 'worker';
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
}

const latencySeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const counter = (help: string, ...labels: string[]): MetricDeclaration => ({ kind: 'counter', help, labels });
const ofWorkers = (declared: MetricDeclaration): MetricDeclaration => ({ ...declared, of: 'worker' });
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
  skein_fleet_members: gauge('Coordinators of the fleet that are alive, this one included.'),
  skein_fleet_members_buried_total: counter('Coordinators that this one took for dead.'),
  skein_shards_at_home: gauge('Shards of runs, of 256, that this coordinator drives.'),
  skein_queue_up: gauge('1 while the queue on a server of its own answers, 0 while it does not.'),
  skein_queue_failures_total: counter(
    'Calls of the queue on a server of its own that failed, by operation.',
    'operation',
  ),
  skein_open_runs: gauge('Admitted runs that are not finished.'),
  skein_pool_tasks: gauge(
    'Tasks of runs that this coordinator drives that run, or would if there were a slot, by the label "pool" of the workers that they ask for.',
    'pool',
  ),
  skein_tasks_offered_total: counter('Tasks offered to workers.'),
  skein_tasks_lost_total: counter('Leases that ended without a result, by reason.', 'reason'),
  skein_results_total: counter('Results of workers, by what became of them.', 'outcome'),
  skein_logs_refused_total: counter('Log pieces of tasks that the sender no longer held.'),
  skein_bad_messages_total: counter('Messages of workers that could not be handled.'),
  skein_workers: gauge('Connected workers.'),
  skein_workers_moved_total: counter('Workers that were told to go to another coordinator, which has fewer.'),
  skein_peers: gauge('Other coordinators whose streams are open.'),
  skein_peer_messages_passed_on_total: counter('Messages of workers that were passed on to the homes of their runs.'),
  skein_peer_messages_refused_total: counter(
    'Messages of coordinators about workers or runs that are not theirs any more.',
  ),
  skein_peer_messages_unknown_total: counter('Messages of coordinators of a later version.'),
  skein_peer_streams_dialled_total: counter('Tries to open a stream to another coordinator.'),
  skein_peer_streams_opened_total: counter('Streams that other coordinators opened here.'),
  skein_peer_streams_cut_total: counter('Streams of other coordinators that were cut, by code.', 'code'),
  skein_peer_refused_total: counter(
    'Calls at the door of coordinators that were refused, by what was wrong: the certificate or the secret.',
    'reason',
  ),
  skein_peer_slots_granted_total: counter('Slots of workers that were granted to other coordinators.'),
  skein_peer_slots_given_back_total: counter('Granted slots that were given back unused.'),
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
  skein_store_batches_repeated_total: counter(
    'Batches that PostgreSQL made start over, by why: the connection was lost, others wrote the same, or one unit of many was refused.',
    'why',
  ),
  skein_store_torn_logs_total: counter('Write-ahead logs found with a torn end.'),
  skein_store_wal_checkpoint_failures_total: counter('Copies of the write-ahead log into the database that failed.'),
  skein_worker_messages_refused_total: ofWorkers(counter('Messages of a coordinator that this worker could not use.')),
  skein_grpc_streams_opened_total: counter('Worker streams that were opened.'),
  skein_grpc_streams_refused_total: counter('Worker streams that were refused, by code.', 'code'),
  skein_grpc_streams_cut_total: counter('Worker streams that were cut, by code.', 'code'),
  skein_worker_running_tasks: ofWorkers(gauge('Tasks that this worker runs.')),
  skein_worker_results_total: ofWorkers(counter('Results that this worker reported, by outcome.', 'outcome')),
  skein_worker_stale_results_total: ofWorkers(counter('Results of this worker that came too late.')),
  skein_worker_forgotten_results_total: ofWorkers(counter('Results that this worker no longer had to report.')),
  skein_worker_repeated_offers_total: ofWorkers(counter('Offers that this worker had already.')),
  skein_worker_streams_lost_total: ofWorkers(counter('Times that this worker lost its coordinator.')),
  skein_worker_self_fenced_total: ofWorkers(
    counter('Tasks that this worker stopped because its lease may have lapsed.'),
  ),
  skein_agent_turns_total: ofWorkers(counter('Turns of agents, by model.', 'model')),
  skein_agent_tokens_total: ofWorkers(
    counter('Tokens that agents used, by model and direction.', 'model', 'direction'),
  ),
  skein_agent_tool_calls_total: ofWorkers(counter('Tool calls of agents.', 'tool', 'outcome')),
  skein_audit_entries_total: counter('Entries of the audit log, by whether it was done or refused.', 'outcome'),
  skein_audit_suppressed_total: counter(
    'Refusals that were not written down, because the same one was refused too often.',
  ),
  skein_audit_full_total: counter('Writes that had to wait because the audit log was full.'),
  skein_audit_write_failures_total: counter('Batches of audit entries that could not be written at once.'),
  skein_audit_lost_total: counter('Audit entries that could not be written before the coordinator stopped.'),
  skein_http_rate_limited_total: counter('Requests that were refused because there were too many, by limit.', 'limit'),
};
