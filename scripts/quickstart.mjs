process.stdout.write('not here yet\n');
process.exitCode = 1;
