/** The version of this installation; the build puts it in place of the name. */
declare const CTR_TOOLS_VERSION: string | undefined;
export const version: string = typeof CTR_TOOLS_VERSION === 'string' ? CTR_TOOLS_VERSION : 'from source';
