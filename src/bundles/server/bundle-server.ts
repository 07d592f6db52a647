import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../http/http-server.ts'
import { type BundleRoutesOptions, bundleRoutes } from './bundle-routes.ts'
import { closeKept, openKept } from './kept.ts'

export type BundleServerOptions = BundleRoutesOptions &
  Pick<HttpServerOptions, 'host' | 'port' | 'tls'> & { readonly environments: readonly string[] }

/** Starts to listen. `docs/policy-bundles.md` has the protocol. @throws what `openKept` does; the error of listening */
export async function startBundleServer(options: BundleServerOptions): Promise<HttpServer> {
  const { host, port, tls, log, dir, environments } = options
  const kept = await openKept(dir, environments)
  return startHttpServer({
    name: 'bundle server',
    host,
    port,
    tls,
    log,
    routes: async (app) => {
      app.addHook('onClose', () => closeKept(kept))
      await bundleRoutes(app, kept, options)
    },
  })
}
