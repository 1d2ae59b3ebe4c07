// A registry of container images with one image, as far as a pull needs it (the distribution specification's API, docker's schema 2): a
// program asks with basic authentication or is refused. For tests of pulling.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arch } from 'node:process';
import { gzipSync } from 'node:zlib';

export type ImageRegistry = {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  readonly image: string;
  /** Pulls that were refused, and manifests that were handed out. */
  readonly refused: number;
  readonly served: number;
  close(): Promise<void>;
};

const REPOSITORY = 'team/component';
const TAG = '1';
const TYPES = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

const digestOf = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** `layerPath`: a tar file with the whole of the image. */
export const startImageRegistry = async (options: {
  readonly layerPath: string;
  readonly username: string;
  readonly password: string;
}): Promise<ImageRegistry> => {
  const tar = readFileSync(options.layerPath);
  const layer = gzipSync(tar, { level: 1 });
  const config = json({
    ...{ architecture: arch === 'x64' ? 'amd64' : arch, os: 'linux', config: {} },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  });
  const described = (mediaType: string, data: Buffer) => ({ mediaType, size: data.length, digest: digestOf(data) });
  const manifest = json({
    ...{ schemaVersion: 2, mediaType: TYPES.manifest },
    ...{ config: described(TYPES.config, config), layers: [described(TYPES.layer, layer)] },
  });
  const found = new Map<string, readonly [type: string, data: Buffer]>([
    [`/v2/${REPOSITORY}/manifests/${TAG}`, [TYPES.manifest, manifest]],
    [`/v2/${REPOSITORY}/manifests/${digestOf(manifest)}`, [TYPES.manifest, manifest]],
    ...[config, layer].map(
      (data) => [`/v2/${REPOSITORY}/blobs/${digestOf(data)}`, ['application/octet-stream', data]] as const,
    ),
    ['/v2/', ['application/json', json({})]],
  ]);
  const expected = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
  let refused = 0;
  let served = 0;

  const refuse = (response: ServerResponse, status: number, code: string): void => {
    const challenge = status === 401 ? { 'WWW-Authenticate': 'Basic realm="registry"' } : {};
    response.writeHead(status, { 'Content-Type': 'application/json', ...challenge });
    response.end(json({ errors: [{ code, message: code.toLowerCase() }] }));
  };

  const answer = ({ url = '', method, headers }: IncomingMessage, response: ServerResponse): void => {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    if (headers.authorization !== expected) {
      refused += 1;
      return refuse(response, 401, 'UNAUTHORIZED');
    }
    const [type, data] = found.get(url) ?? [];
    if (type === undefined || data === undefined) return refuse(response, 404, 'NOT_FOUND');
    if (data === manifest && method === 'GET') served += 1;
    response.writeHead(200, {
      ...{ 'Content-Type': type, 'Content-Length': data.length, 'Docker-Content-Digest': digestOf(data) },
    });
    response.end(method === 'HEAD' ? undefined : data);
  };

  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    image: `${address}/${REPOSITORY}:${TAG}`,
    get refused() {
      return refused;
    },
    get served() {
      return served;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
