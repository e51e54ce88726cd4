// Original file: proto/skein/worker/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface WorkerInfo {
  'workerId'?: (string);
  'incarnation'?: (string);
  'labels'?: ({[key: string]: string});
  'slots'?: (number);
  'kinds'?: (string)[];
  'isolation'?: (string);
  'snapshotFormats'?: (number)[];
  'version'?: (string);
  'hostname'?: (string);
  'pid'?: (number | string | Long);
  'features'?: (string)[];
}

export interface WorkerInfo__Output {
  'workerId': (string);
  'incarnation': (string);
  'labels': ({[key: string]: string});
  'slots': (number);
  'kinds': (string)[];
  'isolation': (string);
  'snapshotFormats': (number)[];
  'version': (string);
  'hostname': (string);
  'pid': (number);
  'features': (string)[];
}
