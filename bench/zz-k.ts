import { measureAgent } from './src/delivery/agent-figures.ts';
import { measureDeaf } from './src/delivery/deaf-worker.ts';
import { percentile } from './src/measure.ts';
const t=Date.now(); const lap=(x:unknown)=>console.log(Date.now()-t, JSON.stringify(x, (k,v)=> Array.isArray(v)? [v.length, percentile(v,.5), percentile(v,.99)]: v));
lap(await measureAgent(100,50)); lap(await measureDeaf(1)); process.exit(0);
