// Escape: Go's form encoding, which carries the action in the body of its POST.

/**
 * Text for a form body: a space becomes `+`, all but letters, digits and `-_.~` becomes `%XX` of
 * its UTF-8 bytes.
 *
 * @see net/url/url.go `QueryEscape` of Go 1.19; test/golden/signing
 */
export function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
