export type { HttpServer } from './app/create-http-server.ts';
export { createHttpServer } from './app/create-http-server.ts';
export type { HttpLimits, HttpServerDeps, HttpTls } from './app/http-deps.ts';
export { defaultHttpLimits } from './app/http-deps.ts';
export type { GuardConfig, Rate } from './guard/guard-config.ts';
export { defaultGuardConfig } from './guard/guard-config.ts';
export type { ProblemDetails } from './problem/problem-details.ts';
