# One image per app: docker build --target coordinator|scheduler|worker .
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages packages
COPY apps apps
COPY test/package.json test/package.json
COPY bench/package.json bench/package.json
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.base.json ./
COPY proto proto
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim AS runtime
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=node:node /app /app
RUN mkdir -p /data /admin /join && chown node:node /data /admin /join && chmod 700 /data /admin /join
USER node
STOPSIGNAL SIGTERM

FROM runtime AS coordinator
VOLUME /data
CMD ["node", "apps/coordinator/dist/main.js"]

FROM runtime AS scheduler
CMD ["node", "apps/scheduler/dist/main.js"]

FROM runtime AS worker
CMD ["node", "apps/cli/bin/skein.mjs", "worker"]
