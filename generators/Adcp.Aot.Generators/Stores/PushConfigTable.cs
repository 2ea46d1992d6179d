namespace Adcp.Aot.Generators.Stores;

/// <summary>A push-configuration table's name and columns.</summary>
internal sealed record PushConfigTable(
    string Name, string Scope, string TaskId, string ConfigId, string Url, string Token, string Scheme, string Credentials,
    string IsActive, string UpdatedAt)
{
    public IEnumerable<string> Columns => [Scope, TaskId, ConfigId, Url, Token, Scheme, Credentials, IsActive, UpdatedAt];
}
