// In the coordinator's image: says whether the coordinator of this container can work. Plain Node, no dependencies.
const url = `http://${process.env.SKEIN_HEALTH?.replace(/^0\.0\.0\.0:|^\[::\]:/, '127.0.0.1:') ?? '127.0.0.1:7422'}/readyz`;
const answer = await fetch(url, { signal: AbortSignal.timeout(2_500) }).catch(() => undefined);
process.exitCode = answer?.ok === true ? 0 : 1;
