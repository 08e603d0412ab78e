//! Whom Helm trusts to have a chart.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::remote::set_platform_secret;
use crate::shop::Shop;
use crate::tls::{self, authority};
use crate::world::{World, edit};
use api_types::ClaimPhase;
use provisioner_template::Retry;
use serde_json::{Value, json};

/// What the shop at `host` answers to `request`. It closes the connection afterwards, and its client is told so.
fn forward(host: &str, request: &[u8]) -> Vec<u8> {
    let end = request.len() - 2;
    let mut shop = TcpStream::connect(host).unwrap();
    shop.write_all(&[&request[..end], b"connection: close\r\n\r\n"].concat()).unwrap();
    let mut answer = Vec::new();
    shop.read_to_end(&mut answer).unwrap();
    answer
}

/// A world with a claim of the chart at `host`, for which the authority with this certificate vouches.
fn world(shop: &Shop, host: &str, chart: &Value, authority: Option<&str>) -> World {
    let origins = [format!("https://{host}"), format!("oci://{host}")];
    let world = shop.world_at(&origins, |claim| {
        edit(claim, "/helm", chart.clone());
        if authority.is_some() {
            edit(claim, "/helm/caSecretRef", json!({"name": "charts-ca"}));
        }
    });
    if let Some(pem) = authority {
        set_platform_secret(&world, "charts-ca", &[("ca.crt", pem)]);
    }
    world
}

#[tokio::test]
async fn a_chart_comes_over_tls_from_whom_the_given_authority_vouches_for_and_from_nobody_else() {
    let (ours, other, shop) = (authority(), authority(), Shop::open().await);
    let behind = shop.host.clone();
    let host =
        format!("localhost:{}", tls::start(&ours, "localhost", move |request| forward(&behind, request)));
    let values = &shop.chart()["values"];
    for chart in [
        json!({"chart": "redis", "repository": format!("https://{host}/charts"), "version": "1.2.3", "values": values}),
        json!({"chart": format!("oci://{host}/team/redis"), "version": "1.2.3", "values": values}),
    ] {
        for authority in [None, Some(other.pem())] {
            let world = world(&shop, &host, &chart, authority.as_deref());
            assert_eq!(world.pass().await.unwrap(), Retry::Soon, "{chart}");
            assert_eq!(world.status().phase, ClaimPhase::Binding);
            assert!(world.message().contains("certificate"), "{}", world.message());
        }
        assert_eq!(shop.requests(), 0, "who is not trusted is asked for nothing");
        world(&shop, &host, &chart, Some(&ours.pem())).until_bound().await;
        assert!(shop.requests() > 0);
        shop.forget_requests();
    }
}

#[tokio::test]
async fn an_authority_of_charts_that_is_not_there_is_said() {
    let shop = Shop::open().await;
    let named = |claim: &mut api_types::ResourceClaim| {
        edit(claim, "/helm/caSecretRef", json!({"name": "charts-ca", "key": "other.crt"}));
    };
    let world = shop.world(named);
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert!(
        world.message().contains("`charts-ca`, which the declaration names, does not exist"),
        "{}",
        world.message()
    );
    set_platform_secret(&world, "charts-ca", &[("ca.crt", "it")]);
    let world = world.restart();
    world.pass().await.unwrap();
    assert!(world.message().contains("has no `other.crt`"), "{}", world.message());
    assert_eq!(shop.requests(), 0);
}
