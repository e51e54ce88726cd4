/** Private directories of attempts: one per task, seen by no other task, gone afterwards. */
export interface WorkDirs {
  /** Path of a fresh, empty directory that only this user can enter. Throws `resource_exhausted` when there is no room for it. */
  create(): Promise<string>;
  /** Removes a directory of `create` with all that it holds. Idempotent; never throws. */
  remove(path: string): Promise<void>;
}
