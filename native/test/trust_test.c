/* What root would execute: owners and modes of every component. Needs root only to change owners. */
#include <sys/stat.h>
#include <unistd.h>

#include "plans.h"
#include "trust.h"

static char base_path[] = "/tmp/ctr-test-trust-XXXXXX";

int main(void) {
  char directory[200], file[220], link[220];
  const char *culprit, *why;
  if (!mkdtemp(base_path)) return 1;
  snprintf(directory, sizeof directory, "%s/lib", base_path);
  snprintf(file, sizeof file, "%s/planner", directory);
  snprintf(link, sizeof link, "%s/link", directory);
  mkdir(directory, 0755);
  fclose(fopen(file, "w"));
  chmod(file, 0644);
  uid_t me = getuid();

  EXPECT(trusted(file, me, &culprit, &why) == 0); /* /tmp is sticky: no danger */
  chmod(file, 0664);
  EXPECT(trusted(file, me, &culprit, &why) < 0 && strcmp(culprit, file) == 0);
  chmod(file, 0646);
  EXPECT(trusted(file, me, &culprit, &why) < 0);
  chmod(file, 01666); /* sticky means nothing on a file */
  EXPECT(trusted(file, me, &culprit, &why) < 0);
  chmod(file, 0644);
  chmod(directory, 0777);
  EXPECT(trusted(file, me, &culprit, &why) < 0 && strcmp(culprit, directory) == 0);
  chmod(directory, 01777);
  EXPECT(trusted(file, me, &culprit, &why) == 0);
  chmod(directory, 0755);
  EXPECT(symlink(file, link) == 0 && trusted(link, me, &culprit, &why) < 0);
  EXPECT(trusted("relative", me, &culprit, &why) < 0);
  EXPECT(trusted("/nowhere/at/all", me, &culprit, &why) < 0);
  if (me == 0) {
    EXPECT(chown(file, 1234, 1234) == 0);
    EXPECT(trusted(file, 0, &culprit, &why) < 0);
    EXPECT(trusted(file, 1234, &culprit, &why) == 0); /* the owner of the launcher itself */
    EXPECT(chown(file, 0, 0) == 0 && chown(directory, 1234, 1234) == 0);
    EXPECT(trusted(file, 0, &culprit, &why) < 0 && strcmp(culprit, directory) == 0);
  }
  unlink(link);
  unlink(file);
  rmdir(directory);
  rmdir(base_path);
  return test_end("trust");
}
