// A certified OpenID provider on loopback, for tests. Prints its issuer as one line and serves until it is ended.
//
// REDIRECT_URI and CLIENT_SECRET are those of all its clients; a client is called like the algorithm that signs its
// ID tokens. Whoever types `ann@example.com` into the form is that subject, with that address; what comes after a `#`
// only makes another subject of it, and an address that begins with `unverified` is not verified.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import Provider from "oidc-provider";

const { REDIRECT_URI, CLIENT_SECRET } = process.env;

const keyOf = (alg, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  alg,
  kid: alg,
  use: "sig",
});
const keys = [
  keyOf("RS256", "rsa", { modulusLength: 2048 }),
  keyOf("PS256", "rsa", { modulusLength: 2048 }),
  keyOf("ES256", "ec", { namedCurve: "P-256" }),
];

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: keys.map(({ alg }) => ({
    client_id: alg,
    client_secret: CLIENT_SECRET,
    redirect_uris: [REDIRECT_URI],
    id_token_signed_response_alg: alg,
  })),
  jwks: { keys },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: sub.split("#")[0], email_verified: !sub.startsWith("unverified") }),
  }),
  // Everybody agrees to everything: the page for that is not what is tested.
  async loadExistingGrant(ctx) {
    const { client, session, params } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
});

const form = (action) => `<!doctype html><title>Sign in</title>
<form method="post" action="${action}"><input name="login"><button>Sign in</button>
<button name="cancel" value="1">Cancel</button></form>`;

async function interaction(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html");
    response.end(form(`/interaction/${uid}`));
    return;
  }
  const typed = new URLSearchParams(await text(request));
  const result = typed.has("cancel")
    ? { error: "access_denied", error_description: "cancelled" }
    : { login: { accountId: typed.get("login") } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const callback = provider.callback();
server.on("request", (request, response) => {
  if (!request.url.startsWith("/interaction/")) return callback(request, response);
  return interaction(request, response).catch((error) => {
    response.statusCode = 400;
    response.end(String(error));
  });
});
console.log(issuer);
