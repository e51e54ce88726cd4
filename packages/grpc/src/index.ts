export { isCoordinatorAddress, maxCoordinators } from './coordinator-address.ts';
export type { GrpcGatewayOptions } from './create-grpc-gateway.ts';
export { createGrpcGateway } from './create-grpc-gateway.ts';
export type { ClientTls, ServerTls } from './credentials.ts';
export type { GrpcLimits } from './limits.ts';
export { defaultGrpcLimits } from './limits.ts';
export type { ServedGateway, ServeGatewayOptions } from './serve-gateway.ts';
export { serveGateway } from './serve-gateway.ts';
