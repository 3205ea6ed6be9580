// The secret of a mail's link stands behind the `#`: it goes into the form, and out of the address and the history.
const secret = location.hash.slice(1);
const field = document.querySelector("input[name=secret]");
if (secret && field) {
  field.value = secret;
  field.readOnly = true;
  history.replaceState(null, "", location.pathname);
}
