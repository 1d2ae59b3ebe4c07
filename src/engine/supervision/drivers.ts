// Names of the drivers that the engine itself has to know.

/** In the place of a driver's name: started by somebody else. */
export const EXTERNAL = 'external';

/** Programs of this machine. */
export const PROCESS = 'process';
