import { type MessagePort, parentPort } from 'node:worker_threads';
import { runJob, type SimulationJob } from './simulation-job.ts';

const port = parentPort as MessagePort;
port.on('message', (job: SimulationJob) => port.postMessage(runJob(job)));
