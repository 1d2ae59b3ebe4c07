// How long the deletion of an operator waits for commands that are under way.

/**
 * A command-handler trusts what it knows of an operator for OPERATOR_MAX_AGE_MS and gives up storing after APPEND_DEADLINE_MS. After
 * this time no resource can be accepted any more that did not see the deletion.
 */
export const DELETION_GRACE_MS = 5000;
