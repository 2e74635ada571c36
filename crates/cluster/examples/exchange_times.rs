//! How long processes take to exchange gradients of some sizes: `mpirun -n 2 exchange_times`. Prints a line of JSON for each.

use std::io::{self, Write as _};
use std::time::Instant;

use cluster::Cluster;
use graph::ProcessGroup;

/// Numbers of the gradients: from some hundred to those of a large network.
const SIZES: [usize; 6] = [256, 4096, 32_768, 262_144, 1_048_576, 4_194_304];
/// Exchanges of a size, of which the median counts.
const TIMES: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(cluster) = Cluster::join()? else {
        return Err("expected several processes, as `mpirun -n 2` starts them".into());
    };
    let group: &dyn ProcessGroup = &**cluster.group();
    for size in SIZES {
        let parts = group.shares(size);
        let own = parts[group.rank()].len();
        let from: Vec<_> = (0..group.size()).map(|rank| rank * own..(rank + 1) * own).collect();
        let mut gradient = vec![1.0_f32; size];
        let mut received = vec![0.0_f32; own * group.size()];
        let mut exchange = || {
            let begin = Instant::now();
            // What a step does: each process receives its part of all gradients, and then all the sums.
            group.all_to_all(&gradient, &parts, &mut received, &from);
            group.all_gather(&mut gradient, &parts);
            begin.elapsed().as_secs_f64()
        };
        exchange();
        let mut seconds: Vec<f64> = (0..TIMES).map(|_| exchange()).collect();
        seconds.sort_by(f64::total_cmp);
        if group.rank() == 0 {
            let (bytes, seconds) = (4 * size, seconds[TIMES / 2]);
            writeln!(io::stdout(), "{{\"bytes\":{bytes},\"seconds\":{seconds}}}")?;
        }
    }
    cluster.wait_for_all();
    Ok(())
}
