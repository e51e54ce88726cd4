/** What the model saw. */
export class Statistics {
  readonly dispatchMs: number[] = [];
  readonly submitMs: number[] = [];
  readonly runMs: number[] = [];
  readonly candidates: number[] = [];
  admissions = 0;
  passedOn = 0;
  reruns = 0;
  refusedSubmits = 0;
  submits = 0;

  admitted(isCandidate: boolean, at: number): void {
    this.admissions += 1;
    if (isCandidate) this.candidates.push(at);
  }

  dispatched(ms: number, isAway: boolean): void {
    this.dispatchMs.push(ms);
    if (isAway) this.passedOn += 1;
  }

  finished(ms: number): void {
    this.runMs.push(ms);
  }

  accepted(ms: number): void {
    this.submitMs.push(ms);
  }

  rerun(): void {
    this.reruns += 1;
  }
}
