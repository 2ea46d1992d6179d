namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps the push configurations of A2A tasks. <see cref="PushNotificationConfigStoreAttribute"/> generates one. Every
/// method serves one scope only, so a worker that sends notifications in the background must get the scope together
/// with the task. Implementations are safe for concurrent use, also by several processes on one database.
/// </summary>
public interface IPushNotificationConfigStore
{
    /// <summary>Stores a configuration, or replaces the task's configuration of the same id.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="config"/> is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<PushConfigSave> SaveAsync(StoreScope scope, PushConfig config, CancellationToken cancellationToken = default);

    /// <summary>Reads a configuration with its secrets. Do not return those to the client.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="configId">The configuration's id, untrusted.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>null</c> if the scope has no such configuration.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">A stored secret cannot be read.</exception>
    ValueTask<PushConfig?> GetAsync(StoreScope scope, string taskId, string configId, CancellationToken cancellationToken = default);

    /// <summary>Reads a task's configurations with their secrets, by id. Do not return those to the client.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="activeOnly">Whether to leave out those that are switched off.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> or <paramref name="taskId"/> is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">A stored secret cannot be read.</exception>
    ValueTask<IReadOnlyList<PushConfig>> ListAsync(
        StoreScope scope, string taskId, bool activeOnly = false, CancellationToken cancellationToken = default);

    /// <summary>Switches a configuration on or off.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="configId">The configuration's id, untrusted.</param>
    /// <param name="isActive">Whether notifications are to be sent.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the scope has no such configuration.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<bool> SetActiveAsync(StoreScope scope, string taskId, string configId, bool isActive,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes a configuration.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="taskId">The task's id, untrusted.</param>
    /// <param name="configId">The configuration's id, untrusted.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>false</c> if the scope had no such configuration.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="AnonymousScopeException">The scope is anonymous and the store refuses such callers.</exception>
    ValueTask<bool> DeleteAsync(StoreScope scope, string taskId, string configId, CancellationToken cancellationToken = default);
}
