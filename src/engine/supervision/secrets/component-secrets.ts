// The secrets of one component, read and consumed, or one Fault that says what is missing: a component is started with all of its secrets or
// not at all. Processes pull no image: what `imagePullSecret` names need not be there for them.

import { Fault } from '../../../core/fault.ts';
import type { ComponentSpec } from '../../../messages/manifest-types.ts';
import { consumeSecrets, secretPlacesOf } from './consume-secrets.ts';
import type { ComponentSecrets } from '../plan-inputs.ts';
import type { SecretReader } from '../ports.ts';

const DRIVERS_WITHOUT_IMAGES: readonly string[] = ['process'];

/** Faults: COMPONENT_NOT_STARTABLE (something that is referred to is not there), SECRET_UNREADABLE. */
export const secretsOfComponent = async (
  reader: SecretReader,
  component: ComponentSpec,
  driver: string,
): Promise<ComponentSecrets> => {
  const { imagePullSecret: _pull, ...withoutPull } = component;
  const own = DRIVERS_WITHOUT_IMAGES.includes(driver) ? withoutPull : component;
  const places = secretPlacesOf(own);
  const contents = await Promise.all(places.map(({ workspace, name }) => reader.read(workspace, name)));
  const consumed = consumeSecrets(
    own,
    contents.flatMap((content) => content ?? []),
  );
  const { environment, files, registryConfig, missing, sequences } = consumed;
  const [first, ...others] = missing;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    throw new Fault('COMPONENT_NOT_STARTABLE', `${first.message}, to which its ${first.field} refers${more}`);
  }
  const version = Object.entries(sequences)
    .map(([place, sequence]) => `${place}@${sequence}`)
    .sort()
    .join(' ');
  return {
    environment,
    files,
    version,
    ...(places.length === 0 ? {} : { sequences }),
    ...(registryConfig === undefined ? {} : { registryConfig }),
  };
};
