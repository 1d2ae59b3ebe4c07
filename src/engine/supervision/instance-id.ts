// The names of instances: `<operator>.<component>.<replica>.<revision>`. Made here and read here; drivers only keep them.

export type InstanceRef = {
  readonly operator: string;
  readonly component: string;
  readonly replica: number;
  readonly revision: string;
};

export const instanceId = ({ operator, component, replica, revision }: InstanceRef): string =>
  [operator, component, replica, revision].join('.');

/** Undefined: not a name that was made here. */
export const parseInstanceId = (id: string): InstanceRef | undefined => {
  const [operator, component, number, revision, ...rest] = id.split('.');
  const replica = /^\d{1,6}$/.test(number ?? '') ? Number(number) : undefined;
  if (operator === undefined || component === undefined || replica === undefined) return undefined;
  if (revision === undefined || revision === '' || rest.length > 0) return undefined;
  return { operator, component, replica, revision };
};
