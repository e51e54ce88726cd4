/** One thing that the doctor looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** A failed check that does not make the doctor fail. */
  readonly optional?: boolean;
  /** What mends it: a command, or what to do. */
  readonly fix?: string;
}
