// From the spec of a resource to the run that it asks for. The operator's schema has checked types, not what Azure allows as a name;
// names end up in a path, so nothing that Azure would refuse gets there. null is absent: the seed's schema says nullable.

import { isJsonObject, type JsonObject } from '../../sdk/index.ts';

/** Where a run is: kept in the status, because the spec may have changed by the time the run is looked at. */
export type Target = {
  readonly resourceGroupName: string;
  readonly factoryName: string;
  readonly pipelineName: string;
};

export type PipelineRequest = {
  readonly target: Target;
  /** What is sent; absent with a reference, whose parameters Azure takes instead. */
  readonly parameters?: JsonObject;
  readonly referencePipelineRunId?: string;
  /** Set when a start option is given: they act in recovery mode only. */
  readonly isRecovery: boolean;
  readonly startActivityName?: string;
  readonly startFromFailure?: boolean;
};

type NameRule = { readonly pattern: RegExp; readonly expected: string };

const names: Readonly<Record<keyof Target, NameRule>> = {
  resourceGroupName: {
    pattern: /^(?!\.+$)[-\w.()]{1,90}$/,
    expected: '1 to 90 letters, digits, "-", "_", "." and parentheses',
  },
  factoryName: {
    pattern: /^(?=.{3,63}$)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*$/,
    expected: '3 to 63 letters and digits, with single "-" between them',
  },
  pipelineName: {
    pattern: /^(?=.{1,260}$)[A-Za-z0-9_][^<>*#.%&:\\+?/]*$/,
    expected: '1 to 260 characters without < > * # . % & : \\ + ? /, the first a letter, digit or "_"',
  },
};

const optionalText = (spec: JsonObject, field: string): string | undefined => {
  const value = spec[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/**
 * `correlation` is added to the parameters. With a reference nothing is: Azure would ignore it. Answers the request, or every problem
 * in one sentence each.
 */
export const pipelineRequest = (
  spec: JsonObject,
  correlation: JsonObject = {},
): { readonly request: PipelineRequest } | { readonly problems: readonly string[] } => {
  const problems = Object.entries(names).flatMap(([field, { pattern, expected }]) => {
    const value = spec[field];
    if (typeof value === 'string' && pattern.test(value)) return [];
    return [`spec.${field}: expected ${expected}; found ${JSON.stringify(value ?? null).slice(0, 100)}`];
  });
  const given = spec['parameters'] ?? {};
  if (!isJsonObject(given)) problems.push('spec.parameters: expected an object of parameter values');
  if (problems.length > 0 || !isJsonObject(given)) return { problems };
  const text = (field: keyof Target): string => optionalText(spec, field) ?? '';
  const reference = optionalText(spec, 'referencePipelineRunID');
  const activity = optionalText(spec, 'startActivityName');
  const startFromFailure = spec['startFromFailure'] === true;
  return {
    request: {
      target: {
        resourceGroupName: text('resourceGroupName'),
        factoryName: text('factoryName'),
        pipelineName: text('pipelineName'),
      },
      ...(reference === undefined
        ? { parameters: { ...given, ...correlation } }
        : { referencePipelineRunId: reference }),
      isRecovery: activity !== undefined || startFromFailure,
      ...(activity === undefined ? {} : { startActivityName: activity }),
      ...(startFromFailure ? { startFromFailure } : {}),
    },
  };
};
