# syntax=docker/dockerfile:1
# docker build -t domicile . && docker run --network container:YOUR_SERVICE -v ./config:/etc/domicile/config:ro domicile
# Domicile listens on loopback, so a container shares the network of the service beside it.

FROM node:24-slim AS build
WORKDIR /opt/domicile
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /opt/domicile
COPY --from=build /opt/domicile/package.json ./
COPY --from=build /opt/domicile/node_modules node_modules
COPY --from=build /opt/domicile/dist dist
COPY config /etc/domicile/config
COPY policies /etc/domicile/policies
# `state: ../.domicile` of the shipped configuration: the store, or of `proxy` the last known good policies.
RUN install -d -o node -g node -m 0700 /etc/domicile/.domicile
VOLUME /etc/domicile/.domicile
USER node
EXPOSE 9100 9200 9300 8000 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8001/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/domicile/dist/main.js"]
CMD ["serve", "--config", "/etc/domicile/config/domicile.yaml"]
