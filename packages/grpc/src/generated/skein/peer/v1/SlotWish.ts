// Original file: proto/skein/peer/v1/peer.proto


export interface SlotWish {
  'taskClass'?: (string);
  'tenant'?: (string);
  'kind'?: (string);
  'selector'?: ({[key: string]: string});
  'count'?: (number);
  'priority'?: (number | string);
  'snapshot'?: (string);
  '_snapshot'?: "snapshot";
}

export interface SlotWish__Output {
  'taskClass': (string);
  'tenant': (string);
  'kind': (string);
  'selector': ({[key: string]: string});
  'count': (number);
  'priority': (number);
  'snapshot'?: (string);
  '_snapshot'?: "snapshot";
}
