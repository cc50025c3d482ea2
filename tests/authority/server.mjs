// An authority that is not ours: the oidc-provider package as an OAuth 2.0 token endpoint with rotating refresh tokens and reuse
// detection. Prints its port. POST /grants makes a grower's grant; GET /counts tells what happened so far.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const CLIENT = { client_id: 'granary', client_secret: 'a client secret of the tests', redirect_uris: ['https://granary.test/back'] };
const counts = { rotations: 0, refused: 0, reused: 0 };

const server = createServer();
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{ ...CLIENT, grant_types: ['authorization_code', 'refresh_token'] }],
    routes: { token: '/api/token' },
    rotateRefreshToken: true,
    ttl: { RefreshToken: 86400, AccessToken: 3600, Grant: 86400, IdToken: 3600 },
  });
  provider.on('refresh_token.consumed', () => { counts.rotations += 1; });
  provider.on('grant.error', () => { counts.refused += 1; });
  provider.on('grant.revoked', () => { counts.reused += 1; });
  const answer = provider.callback();

  async function makeGrant() {
    const client = await provider.Client.find(CLIENT.client_id);
    const grant = new provider.Grant({ accountId: 'grower', clientId: CLIENT.client_id });
    grant.addOIDCScope('openid offline_access');
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId: 'grower', client, grantId, gty: 'authorization_code', scope: 'openid offline_access', rotations: 0,
    });
    return token.save();
  }

  server.on('request', async (request, response) => {
    const json = (value) => response.end(JSON.stringify(value));
    if (request.url === '/grants') json({ refreshToken: await makeGrant(), publicKey: CLIENT.client_id, privateKey: CLIENT.client_secret });
    else if (request.url === '/counts') json(counts);
    else answer(request, response);
  });
  console.log(port);
});
