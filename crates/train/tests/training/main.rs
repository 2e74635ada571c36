//! Training from outside, on made-up data: the loop and the files around it.

mod augmentation;
mod batch_norm;
mod explanation;
mod frozen;
mod made_up;
mod not_finite;
mod optimizers;
mod parts;
mod random_networks;
mod records;
mod resume;
mod runs;
mod saved;
mod shards;
mod sources;
mod start;
mod steps;
mod tabular;
mod transforms;
mod tune;
mod two_classes;
