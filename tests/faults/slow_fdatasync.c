/*
 * A disk that takes its time. Every fdatasync and fsync waits for as many seconds as the file SLOW_SYNC_SECONDS says
 * (none while it is absent), and then writes a line to the file SLOW_SYNC_LOG: the inode, how many bytes of it are now
 * on disk, and when that began and ended, in nanoseconds of CLOCK_MONOTONIC.
 *
 * Bytes are counted when the call begins: what is written meanwhile may not be on disk.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void linger(void)
{
    char text[32] = {0};
    int file = open(getenv("SLOW_SYNC_SECONDS"), O_RDONLY | O_CLOEXEC);
    double seconds;
    struct timespec pause;

    if (file < 0)
        return;
    if (read(file, text, sizeof text - 1) < 0)
        text[0] = 0;
    close(file);
    seconds = atof(text);
    pause.tv_sec = (time_t)seconds;
    pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
    nanosleep(&pause, NULL);
}

static int slowly(long call, int descriptor)
{
    struct stat found = {0};
    char line[128];
    int failed, length, log;
    long long began = now();

    fstat(descriptor, &found);
    linger();
    failed = (int)syscall(call, descriptor);
    length = snprintf(line, sizeof line, "%llu %lld %lld %lld\n", (unsigned long long)found.st_ino,
                      (long long)found.st_size, began, now());
    log = open(getenv("SLOW_SYNC_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        if (write(log, line, (size_t)length) != length)
            failed = -1;
        close(log);
    }
    return failed;
}

int fdatasync(int descriptor)
{
    return slowly(SYS_fdatasync, descriptor);
}

int fsync(int descriptor)
{
    return slowly(SYS_fsync, descriptor);
}
