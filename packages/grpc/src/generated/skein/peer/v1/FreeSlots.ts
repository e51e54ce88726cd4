// Original file: proto/skein/peer/v1/peer.proto


export interface FreeSlots {
  'tenant'?: (string);
  'labels'?: ({[key: string]: string});
  'kinds'?: (string)[];
  'free'?: (number);
}

export interface FreeSlots__Output {
  'tenant': (string);
  'labels': ({[key: string]: string});
  'kinds': (string)[];
  'free': (number);
}
