#!/bin/sh
# Prints now, today or later, without a line break: how long the ticket in the file may wait.
if grep -qiE 'data (loss|is gone)|security|outage|cannot work' "$1"; then
  printf now
elif grep -qiE 'crash|error|locked|refund|twice' "$1"; then
  printf today
else
  printf later
fi
