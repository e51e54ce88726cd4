/** Told of every process group that is started, so that its end can be enforced from outside the thread that started it. */
export interface ProcessGroups {
  /** `groupId` is the pid of the group's leader. */
  opened(groupId: number): void;
  /** The group is gone. */
  closed(groupId: number): void;
  /**
   * Descriptor of a file that every process inherits, named after the launch (`.skein-launch.MARKER`): by it the launcher finds those
   * that no longer carry the marker in their environment.
   */
  readonly launchFile?: number;
  /** False while the leases of this worker may be over: then nothing is started. */
  readonly mayStart?: () => boolean;
}

/** For those who need no such record. */
export const unwatchedGroups: ProcessGroups = { opened: () => undefined, closed: () => undefined };

/** Sends a signal to every process of a group; false when the group is already gone. */
export const signalGroup = (groupId: number, signal: NodeJS.Signals): boolean => {
  try {
    return process.kill(-groupId, signal);
  } catch {
    return false;
  }
};
