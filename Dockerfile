# One image per app: docker build --target coordinator|scheduler|worker .
# Each holds the app, the packages that it imports and their production dependencies, and runs as a user without rights.
ARG NODE_IMAGE=node:20-bookworm-slim

# What each app needs, by its package.json: manifests and lockfile of just those workspaces (json), and their sources (full).
FROM ${NODE_IMAGE} AS pruned
WORKDIR /source
ENV TURBO_TELEMETRY_DISABLED=1
RUN npm install --global --no-audit --no-fund turbo@2.11.9
COPY . .
RUN turbo prune @skein/app-coordinator --docker --out-dir /pruned/coordinator \
 && turbo prune @skein/app-scheduler --docker --out-dir /pruned/scheduler \
 && turbo prune @skein/app-cli @skein/app-worker --docker --out-dir /pruned/worker \
 && turbo prune @skein/app-cli @skein/app-coordinator @skein/app-scheduler @skein/app-worker --docker --out-dir /pruned/all

# Everything is compiled once. What is installed changes only with the manifests and the lockfile.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY --from=pruned /pruned/all/json/ ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY --from=pruned /pruned/all/full/ ./
COPY tsconfig.base.json ./
COPY proto proto
COPY scripts/fill-app.sh scripts/without-tests.mjs scripts/
RUN npx tsc -b apps/coordinator apps/scheduler apps/worker apps/cli

# The folder of one app: production dependencies, then what was compiled.
FROM build AS coordinator-files
COPY --from=pruned /pruned/coordinator/json/ /app/
RUN sh scripts/fill-app.sh /app @skein/app-coordinator

FROM build AS scheduler-files
COPY --from=pruned /pruned/scheduler/json/ /app/
RUN sh scripts/fill-app.sh /app @skein/app-scheduler

FROM build AS worker-files
COPY --from=pruned /pruned/worker/json/ /app/
RUN sh scripts/fill-app.sh /app @skein/app-cli @skein/app-worker

FROM ${NODE_IMAGE} AS runtime
# tini passes signals on and reaps what steps leave behind.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends tini ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt
# A name that is asked for holds one of these threads until the name service answers; compression, hashing and files need them too.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16
WORKDIR /app
RUN for place in /data /secrets/authority /secrets/postgres /secrets/coordinator /secrets/admin /secrets/worker /secrets/scheduler; do \
      mkdir -p "$place" && chown node:node "$place" && chmod 700 "$place"; \
    done
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--"]

FROM runtime AS coordinator
ENV SKEIN_DATA=/data
COPY --from=coordinator-files /app /app
COPY --from=pruned /source/scripts/ready.mjs /app/
USER node
VOLUME /data
EXPOSE 7420 7421
CMD ["node", "apps/coordinator/dist/main.js"]

FROM runtime AS scheduler
COPY --from=scheduler-files /app /app
USER node
CMD ["node", "apps/scheduler/dist/main.js"]

FROM runtime AS worker
# What steps and agents commonly call. Add your own tools in an image that begins with this one.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git curl jq \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt
COPY --from=worker-files /app /app
USER node
CMD ["node", "apps/cli/bin/skein.mjs", "worker"]
