namespace Adcp.Aot.TestResources;

/// <summary>Finds the resources that <see cref="Resource"/> names.</summary>
internal static class Resources
{
    private const string PostgreSqlVariable = "ADCP_TEST_POSTGRES";
    private const string PgBouncerVariable = "ADCP_TEST_PGBOUNCER";
    private const string MySqlVariable = "ADCP_TEST_MYSQL";
    private const string ChromiumVariable = "ADCP_TEST_CHROMIUM";
    private const string NpmVariable = "ADCP_TEST_NODE_MODULES";

    private static readonly string? SharedFolder = FindSharedFolder();

    private static readonly Absence NoAdcpData = new(
        "AdCP's vectors and schemas",
        "put AdCP's test vectors into ../shared/vectors and its JSON schemas into ../shared/schemas, beside the repository");

    private static readonly Absence NoDatabases = new(
        "PostgreSQL and MySQL/MariaDB",
        $"set {PostgreSqlVariable} and {MySqlVariable} to connection strings of users who may create databases; "
            + ".ci/databases starts both servers");

    private static readonly Absence NoPgBouncer = new(
        "PgBouncer",
        $"set {PostgreSqlVariable}, and {PgBouncerVariable} to the connection string of a PgBouncer before the same server, in transaction "
            + "mode and for any database; .ci/databases starts one");

    private static readonly Absence NoNpmPeers = new(
        "npm packages",
        $"copy tests/interop/package.json to a folder, run npm install there and set {NpmVariable} to its node_modules folder");

    private static readonly Absence NoChromium = new(
        "Chromium", $"install Debian's package chromium and set {ChromiumVariable} to the path of its program");

    /// <summary>
    /// Returns the folder with AdCP's data, the connection string of a server, the folder with the npm packages or the browser's path.
    /// </summary>
    /// <exception cref="InvalidOperationException">The resource is absent, so the test lacks its <see cref="NeedsAttribute"/>.</exception>
    public static string Get(Resource resource) => Find(resource)
        ?? throw new InvalidOperationException(
            $"A test used {resource}, which is absent. Mark the test or its class with [Needs(Resource.{resource})].");

    /// <summary>Returns why tests that need the resource cannot run, or <c>null</c> if they can.</summary>
    /// <remarks>Both database servers share one reason.</remarks>
    public static Absence? AbsenceOf(Resource resource) => Find(resource) is not null ? null : resource switch
    {
        Resource.AdcpData => NoAdcpData,
        Resource.NpmPeers => NoNpmPeers,
        Resource.Chromium => NoChromium,
        Resource.PgBouncer => NoPgBouncer,
        _ => NoDatabases,
    };

    private static string? Find(Resource resource) => resource switch
    {
        Resource.AdcpData => SharedFolder,
        Resource.PostgreSql => Variable(PostgreSqlVariable),
        Resource.PgBouncer => Variable(PgBouncerVariable),
        Resource.MySql => Variable(MySqlVariable),
        Resource.NpmPeers => Variable(NpmVariable),
        Resource.Chromium => Variable(ChromiumVariable),
        _ => throw new ArgumentOutOfRangeException(nameof(resource), resource, "The resource is not defined."),
    };

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string? FindSharedFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(Path.Combine(candidate, "vectors")))
            {
                return candidate;
            }
        }

        return null;
    }
}
