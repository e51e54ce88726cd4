import { isMainThread } from 'node:worker_threads';

// Loaded into the processes that the command starts (`node --import`). A parent that is killed outright cannot stop its children, so
// they look for themselves: an orphan gets another parent. It ends as if told to, and after the grace in any case.

const lookMs = 250;
const graceMs = 12_000;

// Threads of the program load this too; one look per process is enough.
if (isMainThread) {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    setTimeout(() => process.exit(1), graceMs).unref();
    process.kill(process.pid, 'SIGTERM');
  }, lookMs).unref();
}
