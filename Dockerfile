# One image for every role: the argument names the role, by default `workers/authorizer.ts`. Nothing in it is writable, and
# nothing has to be. .nvmrc, package.json and this file name the same Node; test/system/deployment/versions.test.ts checks it.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete

# The bundle server has OPA verify pushed bundles; `jobwarden policies` and `explain --policies` need OPA too.
FROM openpolicyagent/opa:1.22.2-static AS opa

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
  NODE_COMPILE_CACHE=/app/.compile-cache \
  JOBWARDEN_PROBE_PORT=8080
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=opa /opa /usr/local/bin/opa
COPY package.json ./
COPY src src
COPY workers workers
COPY cli cli
COPY devkit devkit
COPY scripts scripts
# V8 looks for its cache under the id of the user that runs it, so that user has to fill it. After that it is read-only:
# a cache that a worker can write is code that a worker can write.
RUN mkdir .compile-cache && chown node .compile-cache
USER node
RUN node --input-type=module -e \
  "await Promise.all(['authorizer', 'auditor', 'bundles'].map((role) => import('/app/workers/' + role + '.ts')))"
USER root
RUN chown -R root:root .compile-cache && chmod -R a=rX .compile-cache
# A number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["node", "workers/healthcheck.ts"]
ENTRYPOINT ["node"]
CMD ["workers/authorizer.ts"]
