/** Malformed heads by name: what is sent, and status, code and byte of the refusal. */
export interface Malformed {
  name: string;
  head: string;
  status: number;
  code: string;
  at: number;
}

const H = 'Host: a\r\n';
const G = 'GET / HTTP/1.1\r\n';

function row(name: string, head: string, status: number, code: string, at: number): Malformed {
  return { name, head, status, code: `ERR_HTTP_${code}`, at };
}

/** A row whose fault lies right behind `before`. */
function behind(
  name: string,
  before: string,
  rest: string,
  status: number,
  code: string,
): Malformed {
  return row(name, before + rest, status, code, before.length);
}

/** A row whose fault can be told only at the end of the head. */
function whole(name: string, head: string, status: number, code: string): Malformed {
  return row(name, head, status, code, head.length);
}

export const MALFORMED: readonly Malformed[] = [
  // request line
  row('tls_hello', '\x16\x03\x01\x02\x00\x01\x00', 400, 'INVALID_METHOD', 0),
  row('empty_method', ` / HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_METHOD', 0),
  behind('method_with_a_bad_byte', 'G', `(T / HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_METHOD'),
  behind('method_alone', 'GET', '\r\n\r\n', 400, 'INVALID_METHOD'),
  behind('tab_behind_the_method', 'GET', `\t/ HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_METHOD'),
  behind('method_of_33_bytes', 'M'.repeat(32), `M / HTTP/1.1\r\n${H}\r\n`, 501, 'METHOD_TOO_LONG'),
  row('connect', `CONNECT a:443 HTTP/1.1\r\n${H}\r\n`, 501, 'CONNECT_UNSUPPORTED', 0),
  behind('two_empty_lines_in_front', '\r\n', `\r\n${G}${H}\r\n`, 400, 'INVALID_METHOD'),
  behind('cr_in_front', '\r', `${G}${H}\r\n`, 400, 'BARE_CR'),
  row('lf_in_front', `\n${G}${H}\r\n`, 400, 'BARE_LF', 0),
  behind('two_spaces_behind_the_method', 'GET ', ` / HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('target_missing', 'GET ', `\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('http_0_9', 'GET /', '\r\n', 400, 'INVALID_TARGET'),
  behind('nul_in_the_target', 'GET /a', `\0b HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('tab_in_the_target', 'GET /a', `\tb HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('del_in_the_target', 'GET /a', `\x7f HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('raw_utf8_in_the_target', 'GET /', `\xc3\xa9 HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('fragment_in_the_target', 'GET /a', `#b HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('quote_in_the_query', 'GET /?a=', `"b" HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('lf_in_the_query', 'GET /?a', `\n${H}\r\n`, 400, 'BARE_LF'),
  behind('target_without_slash', 'GET ', `a/b HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('asterisk_without_options', 'GET ', `* HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('asterisk_with_more', 'OPTIONS ', `*a HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('foreign_scheme', 'GET ', `ftp://a/ HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('absolute_without_host', 'GET http://', `/ HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind(
    'absolute_with_a_port_only',
    'GET http://',
    `:80/ HTTP/1.1\r\n${H}\r\n`,
    400,
    'INVALID_TARGET',
  ),
  behind('absolute_with_user', 'GET http://u', `@a/ HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_TARGET'),
  behind('two_spaces_behind_the_target', 'GET / ', ` HTTP/1.1\r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('version_in_lower_case', 'GET / ', `http/1.1\r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('version_cut_off', 'GET / HTTP/1', `\r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('version_with_two_digits', 'GET / HTTP/1.1', `1\r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('space_behind_the_version', 'GET / HTTP/1.1', ` \r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('other_protocol', 'GET / ', `ICE/1.0\r\n${H}\r\n`, 400, 'INVALID_VERSION'),
  behind('http_2_preface', 'PRI * HTTP/', '2.0\r\n\r\nSM\r\n\r\n', 505, 'VERSION_UNSUPPORTED'),
  behind('http_1_2', 'GET / HTTP/', `1.2\r\n${H}\r\n`, 505, 'VERSION_UNSUPPORTED'),
  behind('http_0_9_by_name', 'GET / HTTP/', `0.9\r\n${H}\r\n`, 505, 'VERSION_UNSUPPORTED'),
  behind('lf_ends_the_request_line', 'GET / HTTP/1.1', `\n${H}\r\n`, 400, 'BARE_LF'),
  behind('cr_ends_the_request_line', 'GET / HTTP/1.1\r', `${H}\r\n`, 400, 'BARE_CR'),
  // lines
  behind('space_in_front_of_the_first_line', G, ` ${H}\r\n`, 400, 'OBSOLETE_FOLD'),
  behind('folded_line', `${G}${H}X: a\r\n`, ' b\r\n\r\n', 400, 'OBSOLETE_FOLD'),
  behind('line_folded_by_a_tab', `${G}${H}X: a\r\n`, '\tb\r\n\r\n', 400, 'OBSOLETE_FOLD'),
  behind('empty_name', `${G}${H}`, ': a\r\n\r\n', 400, 'EMPTY_HEADER_NAME'),
  behind('space_in_front_of_the_colon', `${G}Host`, ' : a\r\n\r\n', 400, 'SPACE_BEFORE_COLON'),
  behind('tab_in_front_of_the_colon', `${G}${H}X`, '\t: a\r\n\r\n', 400, 'SPACE_BEFORE_COLON'),
  behind('line_without_colon', `${G}${H}X`, '\r\n\r\n', 400, 'INVALID_HEADER_NAME'),
  behind('bad_byte_in_a_name', `${G}${H}X`, '@Y: a\r\n\r\n', 400, 'INVALID_HEADER_NAME'),
  behind('nul_in_a_name', `${G}${H}X`, '\0: a\r\n\r\n', 400, 'INVALID_HEADER_NAME'),
  behind('raw_utf8_in_a_name', `${G}${H}`, '\xc3\xa9: a\r\n\r\n', 400, 'INVALID_HEADER_NAME'),
  behind('lf_in_a_name', `${G}${H}X`, '\nY: a\r\n\r\n', 400, 'BARE_LF'),
  behind('nul_in_a_value', `${G}${H}X: a`, '\0b\r\n\r\n', 400, 'INVALID_HEADER_VALUE'),
  behind('del_in_a_value', `${G}${H}X: a`, '\x7f\r\n\r\n', 400, 'INVALID_HEADER_VALUE'),
  behind('escape_in_a_value', `${G}${H}X: `, '\x1b[0m\r\n\r\n', 400, 'INVALID_HEADER_VALUE'),
  behind('lf_ends_a_line', `${G}${H}X: a`, '\nY: b\r\n\r\n', 400, 'BARE_LF'),
  behind('cr_in_a_value', `${G}${H}X: a\r`, 'b\r\n\r\n', 400, 'BARE_CR'),
  behind('two_cr_at_a_line_end', `${G}${H}X: a\r`, '\r\n\r\n', 400, 'BARE_CR'),
  behind('cr_ends_the_head', `${G}${H}\r`, 'X', 400, 'BARE_CR'),
  behind('lf_ends_the_head', `${G}${H}`, '\n', 400, 'BARE_LF'),
  // Host
  whole('host_missing', `${G}X: a\r\n\r\n`, 400, 'MISSING_HOST'),
  whole('host_missing_in_absolute_form', 'GET http://a/ HTTP/1.1\r\n\r\n', 400, 'MISSING_HOST'),
  behind('host_twice', `${G}${H}`, `${H}\r\n`, 400, 'REPEATED_HOST'),
  behind(
    'host_twice_in_http_1_0',
    `GET / HTTP/1.0\r\n${H}`,
    'HOST: b\r\n\r\n',
    400,
    'REPEATED_HOST',
  ),
  behind('space_in_host', `${G}Host: a`, ' b\r\n\r\n', 400, 'INVALID_HOST'),
  behind('path_in_host', `${G}Host: a`, '/b\r\n\r\n', 400, 'INVALID_HOST'),
  behind('user_in_host', `${G}Host: u`, '@a\r\n\r\n', 400, 'INVALID_HOST'),
  behind('port_that_is_none', `${G}Host: a:8`, 'x\r\n\r\n', 400, 'INVALID_HOST'),
  behind('port_above_65535', `${G}Host: a:6553`, '6\r\n\r\n', 400, 'INVALID_HOST'),
  behind('port_without_host', `${G}Host: `, ':80\r\n\r\n', 400, 'INVALID_HOST'),
  behind('literal_not_closed', `${G}Host: `, '[::1\r\n\r\n', 400, 'INVALID_HOST'),
  behind('literal_empty', `${G}Host: `, '[]\r\n\r\n', 400, 'INVALID_HOST'),
  behind('literal_with_a_tail', `${G}Host: [::1]`, 'a\r\n\r\n', 400, 'INVALID_HOST'),
  behind('half_an_escape_in_host', `${G}Host: a`, '%4\r\n\r\n', 400, 'INVALID_HOST'),
  behind('obs_text_in_host', `${G}Host: `, '\xe9\r\n\r\n', 400, 'INVALID_HOST'),
  // framing
  behind(
    'length_with_plus',
    `${G}${H}Content-Length: `,
    '+5\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind(
    'length_with_minus',
    `${G}${H}Content-Length: `,
    '-5\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind('length_empty', `${G}${H}Content-Length: `, '\r\n\r\n', 400, 'INVALID_CONTENT_LENGTH'),
  behind(
    'length_with_space',
    `${G}${H}Content-Length: 5`,
    ' 5\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind(
    'length_hexadecimal',
    `${G}${H}Content-Length: 0`,
    'x5\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind(
    'length_fraction',
    `${G}${H}Content-Length: 5`,
    '.0\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind('length_list', `${G}${H}Content-Length: 5`, ', 5\r\n\r\n', 400, 'INVALID_CONTENT_LENGTH'),
  behind(
    'length_of_2_pow_53',
    `${G}${H}Content-Length: 900719925474099`,
    '2\r\n\r\n',
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind(
    'length_of_100_digits',
    `${G}${H}Content-Length: 9999999999999999`.slice(0, -1),
    `${'9'.repeat(85)}\r\n\r\n`,
    400,
    'INVALID_CONTENT_LENGTH',
  ),
  behind(
    'length_twice',
    `${G}${H}Content-Length: 5\r\n`,
    'Content-Length: 6\r\n\r\n',
    400,
    'REPEATED_CONTENT_LENGTH',
  ),
  behind(
    'length_twice_the_same',
    `${G}${H}Content-Length: 5\r\n`,
    'content-length: 5\r\n\r\n',
    400,
    'REPEATED_CONTENT_LENGTH',
  ),
  whole(
    'length_and_chunked',
    `${G}${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
    'AMBIGUOUS_LENGTH',
  ),
  whole(
    'chunked_and_length',
    `${G}${H}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`,
    400,
    'AMBIGUOUS_LENGTH',
  ),
  whole(
    'chunked_in_http_1_0',
    `GET / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n`,
    400,
    'TRANSFER_ENCODING_IN_1_0',
  ),
  whole(
    'chunked_not_last',
    `${G}${H}Transfer-Encoding: chunked, gzip\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_twice',
    `${G}${H}Transfer-Encoding: chunked, chunked\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_twice_in_two_lines',
    `${G}${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_in_the_middle',
    `${G}${H}Transfer-Encoding: gzip, chunked, x, chunked\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_missing',
    `${G}${H}Transfer-Encoding: gzip\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_with_parameter',
    `${G}${H}Transfer-Encoding: chunked;a=b\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_in_quotes',
    `${G}${H}Transfer-Encoding: "chunked"\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'chunked_misspelt',
    `${G}${H}Transfer-Encoding: xchunked\r\n\r\n`,
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  behind(
    'coding_empty',
    `${G}${H}Transfer-Encoding:`,
    '\r\n\r\n',
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  behind(
    'coding_list_with_a_gap',
    `${G}${H}Transfer-Encoding: gzip, `,
    ', chunked\r\n\r\n',
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  behind(
    'coding_list_with_a_comma_at_its_end',
    `${G}${H}Transfer-Encoding: chunked,`,
    '\r\n\r\n',
    400,
    'INVALID_TRANSFER_ENCODING',
  ),
  whole(
    'coding_unknown',
    `${G}${H}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    501,
    'UNKNOWN_TRANSFER_CODING',
  ),
  whole('body_above_the_limit', `${G}${H}Content-Length: 1048577\r\n\r\n`, 413, 'BODY_TOO_LARGE'),
  behind('expectation_unknown', `${G}${H}Expect: `, '200-ok\r\n\r\n', 417, 'EXPECTATION_FAILED'),
  behind(
    'expectation_list',
    `${G}${H}Expect: `,
    '100-continue, x\r\n\r\n',
    417,
    'EXPECTATION_FAILED',
  ),
  // limits
  behind(
    'target_above_the_limit',
    `GET /${'a'.repeat(8191)}`,
    `a HTTP/1.1\r\n${H}\r\n`,
    414,
    'TARGET_TOO_LONG',
  ),
  behind(
    'query_above_the_limit',
    `GET /?${'a'.repeat(8190)}`,
    `a HTTP/1.1\r\n${H}\r\n`,
    414,
    'TARGET_TOO_LONG',
  ),
  behind(
    'lines_above_the_limit',
    `${G}${H}${'a: b\r\n'.repeat(99)}`,
    'a: b\r\n\r\n',
    431,
    'TOO_MANY_HEADERS',
  ),
  behind(
    'head_above_the_limit',
    `${G}${H}X: `.padEnd(16384, 'x'),
    'x\r\n\r\n',
    431,
    'HEAD_TOO_LARGE',
  ),
];
