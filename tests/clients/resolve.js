// Loaded with `node --require`. It sends TLS connections to EXAMPLE_HOST:443 to 127.0.0.1:EXAMPLE_PORT, so that a
// documented example runs with not a letter changed. The name that the certificate is checked against stays.
const tls = require('tls')
const connect = tls.connect

tls.connect = (options, ...rest) => {
  if (options.host === process.env.EXAMPLE_HOST && Number(options.port) === 443) {
    const { EXAMPLE_HOST, EXAMPLE_PORT } = process.env
    options = { ...options, servername: EXAMPLE_HOST, host: '127.0.0.1', port: Number(EXAMPLE_PORT) }
  }
  return connect(options, ...rest)
}
