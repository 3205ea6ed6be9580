"use strict";
const page = document.getElementById("reference");
SwaggerUIBundle({ url: page.dataset.url, domNode: page, deepLinking: true, validatorUrl: null });
