"""The whole protocol: any order of deployments, failures, faults and repeated deliveries."""
