// The container driver on a real podman; what it promises is in support/container-driver-promises.ts.

import { testContainerDriver } from '../support/container-driver-promises.ts';

await testContainerDriver('podman');
