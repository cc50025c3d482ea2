// What every command settles before anything else: its signals, its three standard descriptors, the modes of what it makes.
#pragma once

namespace granary {

// No signal that only tells something ends the process: a pipe without reader and a file at its largest size are errors of the
// write, SIGUSR1 and SIGUSR2 nothing. SIGHUP waits until release_hangup(). Descriptors 0 to 2 that are closed are taken, lest a
// file of ours be written to as if it were standard error. What is made is for this user alone. Before any thread starts.
void settle_process();

// From now on SIGHUP comes to this thread, also one that came before: as a handler says, or it ends the process.
void release_hangup();

// As after nohup: whoever started this process wants it to outlive the terminal.
bool is_hangup_ignored();

}  // namespace granary
