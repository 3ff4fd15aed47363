//! The columns that we look at.
//!
//! Owns their names. It must never hold two values for one of them.

use crate::parse::Unparsed;
use crate::parse::text::Text;

macro_rules! columns {
    ($($variant:ident $field:ident = $($name:literal)|+,)*) => {
        /// A column that we look at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($variant,)* }

        impl Column {
            /// By its name in the log; a dot within may be an underscore.
            pub(super) fn of(name: &[u8]) -> Option<Self> {
                Some(match name {
                    $($($name)|+ => Self::$variant,)*
                    _ => return None,
                })
            }
        }

        /// The values of one row.
        #[derive(Default)]
        pub(super) struct Record<'a> {
            /// Whether it has a key by which other programs' JSON is known.
            pub(super) foreign: bool,
            $($field: Option<Text<'a>>,)*
        }

        impl<'a> Record<'a> {
            /// A value that is set and not empty.
            pub(super) fn get(&self, name: Column) -> Option<Text<'a>> {
                let value = match name { $(Column::$variant => self.$field,)* };
                value.filter(|text| !text.is_empty())
            }

            /// Takes a value, which may be empty.
            pub(super) fn set(&mut self, name: Column, value: Text<'a>) -> Result<(), Unparsed> {
                let place = match name { $(Column::$variant => &mut self.$field,)* };
                if place.replace(value).is_some() {
                    return Err(Unparsed::Ambiguous);
                }
                Ok(())
            }
        }
    };
}

columns! {
    Ts ts = b"ts",
    Log log = b"_path",
    OrigH orig_h = b"id.orig_h" | b"id_orig_h",
    OrigP orig_p = b"id.orig_p" | b"id_orig_p",
    RespH resp_h = b"id.resp_h" | b"id_resp_h",
    RespP resp_p = b"id.resp_p" | b"id_resp_p",
    Proto proto = b"proto",
    // conn
    Service service = b"service",
    ConnState conn_state = b"conn_state",
    OrigBytes orig_bytes = b"orig_bytes",
    RespBytes resp_bytes = b"resp_bytes",
    // notice
    Note note = b"note",
    Msg msg = b"msg",
    Sub sub = b"sub",
    Src src = b"src",
    Dst dst = b"dst",
    Port port = b"p",
    // intel
    Seen seen = b"seen.indicator" | b"seen_indicator",
    SeenType seen_type = b"seen.indicator_type" | b"seen_indicator_type",
    SeenWhere seen_where = b"seen.where" | b"seen_where",
    // http
    Method method = b"method",
    Host host = b"host",
    Uri uri = b"uri",
    Version version = b"version",
    UserAgent user_agent = b"user_agent",
    Referrer referrer = b"referrer",
    Username username = b"username",
    StatusCode status_code = b"status_code",
    ResponseLen response_len = b"response_body_len",
    // dns
    Query query = b"query",
    QtypeName qtype_name = b"qtype_name",
    RcodeName rcode_name = b"rcode_name",
    // ssl
    ServerName server_name = b"server_name",
    Cipher cipher = b"cipher",
    Established established = b"established",
    Subject subject = b"subject",
    Issuer issuer = b"issuer",
    Ja3 ja3 = b"ja3",
    // files
    Fuid fuid = b"fuid",
    TxHosts tx_hosts = b"tx_hosts",
    RxHosts rx_hosts = b"rx_hosts",
    FileName file_name = b"filename",
    MimeType mime_type = b"mime_type",
    SeenBytes seen_bytes = b"seen_bytes",
    TotalBytes total_bytes = b"total_bytes",
    Md5 md5 = b"md5",
    Sha1 sha1 = b"sha1",
    Sha256 sha256 = b"sha256",
    // ssh
    AuthSuccess auth_success = b"auth_success",
    AuthAttempts auth_attempts = b"auth_attempts",
    Status status = b"status",
    // weird
    Weird weird = b"name",
    Addl addl = b"addl",
    Notice notice = b"notice",
    // dhcp, arp
    ClientAddr client_addr = b"client_addr",
    ServerAddr server_addr = b"server_addr",
    ArpOrig arp_orig = b"orig_h",
    ArpResp arp_resp = b"resp_h",
    // Those tell other logs from the ones above.
    CallId call_id = b"call_id",
    RequestType request_type = b"request_type",
    Operation operation = b"operation",
}

impl Record<'_> {
    /// Whether a value is set.
    pub(super) fn has(&self, name: Column) -> bool {
        self.get(name).is_some()
    }
}
