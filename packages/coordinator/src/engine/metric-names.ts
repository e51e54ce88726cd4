/** Names of the coordinator's metrics. */
export const metric = {
  runsSubmitted: 'skein_runs_submitted_total',
  runsFinished: 'skein_runs_finished_total',
  runsUndrivable: 'skein_runs_undrivable_total',
  runsReloaded: 'skein_runs_reloaded_total',
  tasksOffered: 'skein_tasks_offered_total',
  results: 'skein_results_total',
  tasksLost: 'skein_tasks_lost_total',
  logsRefused: 'skein_logs_refused_total',
  badMessages: 'skein_bad_messages_total',
  workers: 'skein_workers',
  openRuns: 'skein_open_runs',
  loopLag: 'skein_loop_lag_seconds',
  appendSeconds: 'skein_append_seconds',
  snapshotBytesSent: 'skein_snapshot_bytes_sent_total',
} as const;
