// Prints what a reader would put where a page has a placeholder: node page-values.mjs NAME, with SKEIN_URL and SKEIN_TOKEN.
const { SKEIN_URL: url, SKEIN_TOKEN: token } = process.env;

const get = async (path) => {
  const response = await fetch(`${url}/api/${path}`, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
};

const runAt = async (index) => (await get('runs?limit=5')).items[index]?.runId;
const snapshotAt = async (index) => (await get(`runs/${await runAt(index)}`)).snapshotDigest;

/** The newest run, its snapshot, that of the run before, the proposal that waits longest for a person, and the newest open dead letter. */
const values = {
  RUN_ID: () => runAt(0),
  DIGEST: () => snapshotAt(0),
  EARLIER: () => snapshotAt(1),
  DEAD_LETTER: async () => (await get('dead-letters?status=open')).items[0]?.id,
  PROPOSAL: async () => (await get('memory/proposals?status=review')).items[0]?.proposalId,
};

const value = await values[process.argv[2]]();
if (value === undefined) throw new Error(`there is no ${process.argv[2]} yet`);
console.log(value);
