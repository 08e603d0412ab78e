//! Servers that speak TLS, and authorities that vouch for them.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that speaks TLS as `host`; its port. What `answer` gives is the answer to a request without a body.
pub fn start(
    authority: &Authority,
    host: &str,
    answer: impl Fn(&[u8]) -> Vec<u8> + Clone + Send + 'static,
) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let certificates = vec![CertificateDer::from(certificate.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(certificates, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the process.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (config, answer) = (config.clone(), answer.clone());
            thread::spawn(move || serve(connection.unwrap(), config, answer));
        }
    });
    port
}

/// Answers one request after the other until the other side has enough, or does not trust this one.
fn serve(connection: TcpStream, config: Arc<ServerConfig>, answer: impl Fn(&[u8]) -> Vec<u8>) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), connection);
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
        if received.ends_with(b"\r\n\r\n") {
            if stream.write_all(&answer(&received)).is_err() {
                return;
            }
            received.clear();
        }
    }
}
