// A key that is entered here stays in this page: it is neither kept nor sent
// anywhere but to this server, and no validator elsewhere is asked.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  layout: "BaseLayout",
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null
});
