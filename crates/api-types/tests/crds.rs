//! The CRDs that the chart ships are generated from the types. `UPDATE_CRDS=1` writes them anew.

#[test]
fn crds_on_disk_are_those_of_the_types() {
    assert_eq!(crd_files::out_of_date(&api_types::crds()), [""; 0], "run `make crds`");
}

#[test]
fn every_field_has_a_description() {
    assert_eq!(crd_files::undescribed(&api_types::crds()), [""; 0]);
}
